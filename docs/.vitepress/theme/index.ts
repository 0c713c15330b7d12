/** The usual theme with the fonts of the reader's own machine, so that nothing is loaded for them. */
import Theme from 'vitepress/theme-without-fonts'
import './style.css'

export default Theme
